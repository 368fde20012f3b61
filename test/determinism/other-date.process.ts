/** Loaded before the program: another day, from OTHER_DATE, and chance that is none. */
const RealDate = Date;
const offsetMs = RealDate.parse(process.env['OTHER_DATE'] ?? '') - RealDate.now();
if (Number.isNaN(offsetMs)) throw new Error('OTHER_DATE is no date');

class OtherDate extends RealDate {
  constructor(...parts: unknown[]) {
    // Without arguments it is the present.
    super(...((parts.length === 0 ? [OtherDate.now()] : parts) as [number]));
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}

globalThis.Date = OtherDate as DateConstructor;
Math.random = () => 0.5;
