import { unsafe } from './faults.ts';

/** Anything that is not a plain relative path: `.`, `..` or empty segments, a root, a drive, a backslash, a NUL. */
const SUSPECT = /(?:^|\/)\.{0,2}(?:\/|$)|\\|\0|^[A-Za-z]:/;

/**
 * The path of an entry without `.` and empty segments; a folder's keeps no slash at its end.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_UNSAFE when it is absolute, climbs, or means different files on different systems
 */
export function checkPath(raw: string, archive: string): string {
  if (!SUSPECT.test(raw)) return raw;
  if (raw.includes('\0')) throw unsafe(archive, 'a NUL in its name', raw);
  if (raw.includes('\\')) throw unsafe(archive, 'a backslash in its name', raw);
  if (raw.startsWith('/') || /^[A-Za-z]:/.test(raw)) throw unsafe(archive, 'an absolute path', raw);
  const segments = raw.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw unsafe(archive, 'its path escapes the archive', raw);
  return segments.join('/');
}

/**
 * Names seen so far, at 16 bytes each or fewer whatever their length, since an archive may have millions.
 * Two names are taken to be the same when 64 bits of hash agree: a duplicate is never missed, and among five million
 * honest names the odds of a false alarm are below one in a million.
 */
export class NameSet {
  #slots = new Uint32Array(2 * 4096);
  #used = 0;

  /** Takes in a name; false when it was there. */
  add(name: string): boolean {
    if (this.#used * 4 >= this.#slots.length) this.#grow();
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      low = Math.imul(low ^ unit, 0x01000193);
      high = Math.imul(high ^ unit, 0x5bd1e995);
      high ^= high >>> 15;
    }
    return this.#insert(this.#slots, low >>> 0, (high | 1) >>> 0);
  }

  /** `high` is never 0, which marks a free slot. */
  #insert(slots: Uint32Array, low: number, high: number): boolean {
    const mask = slots.length / 2 - 1;
    let slot = (low ^ (low >>> 15) ^ high) & mask;
    while (slots[2 * slot + 1] !== 0) {
      if (slots[2 * slot] === low && slots[2 * slot + 1] === high) return false;
      slot = (slot + 1) & mask;
    }
    slots[2 * slot] = low;
    slots[2 * slot + 1] = high;
    this.#used++;
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#used = 0;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) this.#insert(this.#slots, old[i] as number, old[i + 1] as number);
    }
  }
}
