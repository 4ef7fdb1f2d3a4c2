use super::*;
use std::io::Read;
use std::time::Instant;
#[test]
fn scratch() {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let yaml = std::env::var("SC_YAML").unwrap_or("platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\nmachine_name: stm32f4\n".into());
        let config = TargetConfig::from_yaml_str(&yaml, ".").unwrap();
        let board = config.renode().unwrap().clone();
        let port = Port::default();
        let t = Instant::now();
        let mut r = Renode::new(find().unwrap(), config, board, Arc::new(Custody::new()), port.clone());
        let fw = Firmware::open(std::env::var("SC_FW").unwrap_or("/work/main/firmware-samples/build/stm32f4/shell.elf".into())).unwrap();
        let booted = r.power_on(Some(&fw)).await;
        println!("boot {:?} {}", t.elapsed(), booted.as_ref().map(|_| String::new()).unwrap_or_else(|e| e.to_string()));
        if booted.is_ok() {
        let fd = port.0.lock().unwrap().pop().unwrap();
        let _ = nix::fcntl::fcntl(&fd, nix::fcntl::F_SETFL(nix::fcntl::OFlag::empty())).unwrap();
        let mut f = std::fs::File::from(fd);
        let mut b = [0; 4096];
        let n = f.read(&mut b).unwrap();
        println!("uart {:?} {:?}", t.elapsed(), String::from_utf8_lossy(&b[..n]));
        for i in 0..5 { let t = Instant::now();
        r.reset().await.unwrap();
        println!("reset {:?}", t.elapsed());
        if i == 0 {std::thread::sleep(std::time::Duration::from_millis(300));}
        r.reload(&fw).await.unwrap();
        println!("reload {:?}", t.elapsed());
        let t2 = Instant::now();
        println!("clock {:?} in {:?}", r.clock().unwrap().read().await, t2.elapsed());
        let n = f.read(&mut b).unwrap();
        println!("uart {:?} {:?}", t.elapsed(), String::from_utf8_lossy(&b[..n]));
        }
        }
        let t = Instant::now();
        r.power_off().await;
        println!("off {:?} version {:?}", t.elapsed(), r.engine());
    });
}
