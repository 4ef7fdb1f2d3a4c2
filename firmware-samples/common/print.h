// Text output on the console. Lines end in CR LF, which the caller writes.
#pragma once

#include <stdint.h>

void print(const char *text);
void print_dec(uint32_t value);
void print_dec_padded(uint32_t value, unsigned digits); // with leading zeros
void print_hex(uint32_t value);                         // eight lower-case digits
unsigned dec_digits(uint32_t value);
