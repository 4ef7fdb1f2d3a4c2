// Line input from the console. CR, LF or CR LF ends a line.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LINE_MAX 512u // the longest line, without its end

// Reads a line without its end into buffer and terminates it with NUL; false if it was too long.
// Interactive: what is typed is echoed, and Backspace or Delete removes the last character.
bool line_read(char buffer[LINE_MAX + 1], bool interactive);

// The next raw byte after a line; an LF that completes the line's CR LF is no part of it.
uint8_t line_next_byte(void);
