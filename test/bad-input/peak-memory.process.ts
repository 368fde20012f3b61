import { writeFileSync } from 'node:fs';

/** Loaded before the program: writes the most memory that the process ever held, in KiB, to PEAK_MEMORY_FILE. */
const { PEAK_MEMORY_FILE } = process.env;
process.on('exit', () => {
  if (PEAK_MEMORY_FILE !== undefined) writeFileSync(PEAK_MEMORY_FILE, String(process.resourceUsage().maxRSS));
});
