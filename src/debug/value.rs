//! [`MemoryValue`]: the types as which a test reads and writes memory.

/// A number in the memory of a little-endian processor.
///
/// ```no_run
/// # fn main() -> virtual_target::Result<()> {
/// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
/// let speed = board.read::<f32>(0x2000_0010).wait()?;
/// board.write(0x2000_0010, speed * 2.0).wait()?;
/// # Ok(()) }
/// ```
pub trait MemoryValue: sealed::Sealed + Send + 'static {}

pub(crate) mod sealed {
    /// The conversions, and the seal.
    pub trait Sealed: Sized {
        const NAME: &'static str;
        fn from_memory(bytes: &[u8]) -> Option<Self>;
        fn to_memory(&self) -> Vec<u8>;
    }
}

macro_rules! values {
    ($($number:ident),+) => {$(
        impl MemoryValue for $number {}

        impl sealed::Sealed for $number {
            const NAME: &'static str = stringify!($number);

            fn from_memory(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }

            fn to_memory(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        }
    )+};
}

values!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);
