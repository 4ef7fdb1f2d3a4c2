# The way to the harness: orders come line by line over one FIFO, reports go over another.
#
# Who derives from this has `order`, which does what an order's words say, and may have more to
# do in `orders_ended`.

from System.IO import FileAccess, FileMode, FileShare, FileStream, StreamReader
from System.Text import Encoding
from System.Threading import Thread, ThreadStart


class Fifos(object):
    def __init__(self, directory):
        self.output = FileStream(directory + "/reports", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 1)
        orders = FileStream(directory + "/orders", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1)
        self.orders = StreamReader(orders, Encoding.ASCII)

    # On a thread of their own.
    def start_reading(self):
        reader = Thread(ThreadStart(self.read_orders))
        reader.IsBackground = True
        reader.Start()

    def read_orders(self):
        order = self.orders.ReadLine()
        while order is not None:
            self.telling(self.order)(order.split(" "))
            order = self.orders.ReadLine()
        self.orders_ended()

    # The test is gone.
    def orders_ended(self):
        pass

    # What does `act` and tells of its failure: nobody else would.
    def telling(self, act):
        def told(*arguments):
            try:
                act(*arguments)
            except Exception as error:
                # In one line, as all reports are.
                self.say("error: " + " ".join((str(error) or repr(error)).split()))
        return told

    def say(self, line):
        self.write(line + "\n")

    def write(self, lines):
        data = Encoding.ASCII.GetBytes(lines)
        self.output.Write(data, 0, data.Length)
        self.output.Flush()
