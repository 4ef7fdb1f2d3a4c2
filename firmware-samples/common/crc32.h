// CRC-32 as in zip and Ethernet (reflected, polynomial 0x04c11db7).
#pragma once

#include <stdint.h>

#define CRC32_INIT 0xffffffffu

uint32_t crc32_add(uint32_t crc, uint8_t byte);
uint32_t crc32_finish(uint32_t crc);
