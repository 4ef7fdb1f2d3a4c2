# The output at which the guest is stopped.

from System import Array, Byte

# The kinds of bytes. Control characters may belong to an escape sequence: the text of their line
# is not its bytes.
ORDINARY, LINE_FEED, CONTROL, STOP = 0, 1, 2, 4
KINDS = [LINE_FEED if byte == 10 else
         CONTROL if byte < 32 and byte not in (9, 13) or byte == 127 else
         ORDINARY for byte in range(256)]


# The stops of a UART, as a word: sets of bytes, separated by commas. A set is a map of 64
# hexadecimal digits, the highest byte first, or - for none. The bytes of the first set stop the
# guest anywhere, those of the others in a line with one of the texts that follow the set, as
# hexadecimal digits behind colons.
class Stops(object):
    known = {}

    def __init__(self, word):
        sets = [part.split(":") for part in word.split(",")]
        self.anywhere = members(sets[0][0])
        self.in_lines = [(members(part[0]), part[1:]) for part in sets[1:]]
        possible = [self.anywhere[byte] or any(part[byte] for part, _ in self.in_lines)
                    for byte in range(256)]
        self.kinds = Array[Byte]([kind | (STOP if stop else ORDINARY)
                                  for kind, stop in zip(KINDS, possible)])

    # Most orders have the same few words.
    @classmethod
    def of(cls, word):
        stops = cls.known.get(word)
        if stops is None:
            if len(cls.known) >= 64:
                cls.known.clear()
            stops = cls.known[word] = cls(word)
        return stops

    # Returns whether `byte` stops the guest at the end of this line, as hexadecimal digits; None
    # is not known.
    def include(self, byte, line):
        if self.anywhere[byte] or line is None:
            return True
        for part, texts in self.in_lines:
            if part[byte]:
                for text in texts:
                    if text in line:
                        return True
        return False


def members(digits):
    number = 0 if digits == "-" else int(digits, 16)
    return [bool(number >> byte & 1) for byte in range(256)]
