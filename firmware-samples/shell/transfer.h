// The commands that move many bytes.
#pragma once

#include <stdint.h>

void transfer_flood(uint32_t count);
void transfer_bytes(void);
void transfer_sink(uint32_t count);
void transfer_source(uint32_t count);
