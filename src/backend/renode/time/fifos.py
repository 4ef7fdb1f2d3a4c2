# The connection to the harness: one FIFO carries orders, another one reports, line by line.
#
# A subclass has `order`, which executes the words of an order, and may override
# `orders_ended`. The order `end` ends the script's work for this board; the report `ended`
# confirms it.

from System.IO import FileAccess, FileMode, FileShare, FileStream, StreamReader
from System.Text import Encoding
from System.Threading import Thread, ThreadStart


class Fifos(object):
    def __init__(self, directory):
        self.output = FileStream(directory + "/reports", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 1)
        orders = FileStream(directory + "/orders", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1)
        self.orders = StreamReader(orders, Encoding.ASCII)

    # Reads the orders on a thread of its own.
    def start_reading(self):
        reader = Thread(ThreadStart(self.read_orders))
        reader.IsBackground = True
        reader.Start()

    def read_orders(self):
        order = self.orders.ReadLine()
        while order is not None and order != "end":
            self.telling(self.order)(order.split(" "))
            order = self.orders.ReadLine()
        self.telling(self.orders_ended)()
        if order == "end":
            self.say("ended")
            self.orders.Dispose()
            self.output.Dispose()

    # Called once the test, or its board, has ended. Lets go of the emulation.
    def orders_ended(self):
        pass

    # Returns a function that runs `act` and reports its failure: Renode would not report it.
    def telling(self, act):
        def told(*arguments):
            try:
                act(*arguments)
            except Exception as error:
                self.report_failure(error)
        return told

    # Reports a failure in one line, as all reports.
    def report_failure(self, error):
        self.say("error: " + " ".join((str(error) or repr(error)).split()))

    def say(self, line):
        self.write(line + "\n")

    def write(self, lines):
        data = Encoding.ASCII.GetBytes(lines)
        self.output.Write(data, 0, data.Length)
        self.output.Flush()
