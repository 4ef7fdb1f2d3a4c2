// The commands of the shell.
#pragma once

// Executes one line.
void command_run(const char *line);
