# S32K388 with another UART in the place of LPUART0: how to compile for its first core.
include boards/s32k388/board.mk
