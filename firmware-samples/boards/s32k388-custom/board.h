// S32K388 with another UART in the place of LPUART0.
#include "../s32k388/board.h"
