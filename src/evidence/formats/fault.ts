/** What is wrong with a value, and where in it (RFC 6901; empty for the whole). */
export interface Fault {
  readonly pointer: string;
  readonly what: string;
}

/** A fault of the value itself. */
export function fault(what: string): Fault {
  return { pointer: '', what };
}

/** The same fault seen from one level up. */
export function within(step: string | number, inner: Fault): Fault {
  const name = String(step).replaceAll('~', '~0').replaceAll('/', '~1');
  return { pointer: `/${name}${inner.pointer}`, what: inner.what };
}
