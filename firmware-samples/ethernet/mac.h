// STM32F4: the Ethernet MAC, one frame at a time in each direction. Pins and PHY are left as they are.
#pragma once

#include <stdint.h>

#define FRAME_HEADER 14u // destination, source, type
#define FRAME_MAX 1518u

void mac_init(void);
void mac_address(uint8_t address[6]);
void mac_send(const uint8_t *frame, uint32_t length); // without the checksum, which is added
uint32_t mac_receive(const uint8_t **frame); // the length of the frame that has come, or 0; valid until mac_release()
void mac_release(void);

void mac_listen(void);            // turns its interrupt on
void mac_forget_interrupts(void); // one that is pending
