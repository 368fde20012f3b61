/** Names that Windows keeps for devices, whatever ending follows (learn.microsoft.com, "Naming Files, Paths, and Namespaces"). */
const DEVICE = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])$/i;
/** Invisible: they turn text around or are passed over, so that a name looks like another, or is another to HFS+. */
const INVISIBLE = /[\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|\u034f/u;

/**
 * Why some file system cannot hold a file of this name, or shows it as another.
 *
 * @param name one part of a path
 * @returns undefined for a name that all can hold
 */
export function whyUnportable(name: string): string | undefined {
  const [stem = ''] = name.split('.', 1);
  // "con .txt" is the device too.
  if (DEVICE.test(withoutSpacesAtEnd(stem))) return 'is a device on Windows';
  const last = name.at(-1);
  if (last === '.' || last === ' ') return `ends in a ${last === '.' ? 'dot' : 'space'}, which Windows removes`;
  if (/[<>:"|?*]/.test(name)) return 'has one of < > : " | ? *, which Windows does not allow';
  if (INVISIBLE.test(name)) return 'has invisible characters, which hide what the name is';
  return undefined;
}

/** The same for names that some file system takes for one: case, and how accents are written, do not count. */
export function foldName(name: string): string {
  return name.normalize('NFD').toUpperCase().toLowerCase().normalize('NFC');
}

function withoutSpacesAtEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === ' ') end--;
  return text.slice(0, end);
}
