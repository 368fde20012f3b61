import { type Check, matches, spell, unexpected } from './check.ts';
import { CLOSE_BRACE, COMMA, type Cursor, OPEN_BRACE, QUOTE } from './cursor.ts';
import { type Fault, fault, within } from './fault.ts';

/** The members of an object that were there. */
export interface Found {
  has(name: string): boolean;
  /** Whether a member is there and holds a string. */
  hasText(name: string): boolean;
  /** The string that a member holds; undefined where it is not there, or holds something else. */
  text(name: string): string | undefined;
  /** The name of the first member that is none of those named; undefined if there is none. */
  unknown(): string | undefined;
}

/** What holds for an object beyond the checks of its members. */
export interface ObjectRules {
  readonly required?: readonly string[];
  /** Whether members that are not named may be there. */
  readonly open?: boolean;
  /** A check of the whole, once its members are valid. */
  readonly whole?: (found: Found) => Fault | undefined;
}

/** Checks an object member by member. */
export function object(members: Readonly<Record<string, Check>>, rules: ObjectRules = {}): Check {
  const schema = new ObjectCheck(members, rules);
  return (cursor) => schema.check(cursor);
}

interface Member {
  readonly name: string;
  /** With its quotes and the colon. */
  readonly spelt: Uint8Array;
  readonly check: Check;
}

/** Checks objects, none of them within another of its own, and remembers where the members of the last one were. */
export class ObjectCheck implements Found {
  /** In the order in which canonical JSON has them. */
  readonly #members: readonly Member[];
  readonly #open: boolean;
  readonly #required: readonly number[];
  readonly #whole: ((found: Found) => Fault | undefined) | undefined;
  /** Where each member's value begins; 0 for none. */
  readonly #places: Int32Array;
  /** Where the name of the first unknown member begins; 0 for none. */
  #unknown = 0;
  #cursor: Cursor | undefined;

  constructor(members: Readonly<Record<string, Check>>, rules: ObjectRules) {
    this.#members = Object.keys(members)
      .sort()
      .map((name) => ({ name, spelt: spell(`"${name}":`), check: members[name] as Check }));
    this.#open = rules.open ?? false;
    this.#required = (rules.required ?? []).map((name) => this.#indexOf(name));
    this.#whole = rules.whole;
    this.#places = new Int32Array(this.#members.length);
  }

  check(cursor: Cursor): Fault | undefined {
    if (cursor.peek() !== OPEN_BRACE) return unexpected('an object', cursor);
    this.#cursor = cursor;
    this.#places.fill(0);
    this.#unknown = 0;
    cursor.at++;
    // Members come in order, so a known one is never before one that was seen.
    let next = 0;
    while (cursor.peek() !== CLOSE_BRACE) {
      const index = this.#find(cursor, next);
      const found = index < 0 ? this.#passUnknown(cursor) : this.#checkMember(cursor, index);
      if (found !== undefined) return found;
      if (index >= 0) next = index + 1;
      if (cursor.peek() === COMMA) cursor.at++;
    }
    cursor.at++;
    for (const index of this.#required) {
      if (this.#places[index] === 0) return fault(`member ${JSON.stringify(this.#members[index]?.name)} is missing`);
    }
    return this.#whole?.(this);
  }

  has(name: string): boolean {
    return this.#places[this.#indexOf(name)] !== 0;
  }

  hasText(name: string): boolean {
    const place = this.#places[this.#indexOf(name)] as number;
    return place !== 0 && this.#cursor?.bytes[place] === QUOTE;
  }

  text(name: string): string | undefined {
    return this.hasText(name) ? this.#cursor?.textAt(this.#places[this.#indexOf(name)] as number) : undefined;
  }

  unknown(): string | undefined {
    return this.#unknown === 0 ? undefined : this.#cursor?.textAt(this.#unknown);
  }

  /** The member whose name is next, from `start` on; -1 for none. */
  #find(cursor: Cursor, start: number): number {
    const initial = cursor.bytes[cursor.at + 1];
    for (let index = start; index < this.#members.length; index++) {
      const { spelt } = this.#members[index] as Member;
      if (spelt[1] === initial && matches(cursor, spelt)) return index;
    }
    return -1;
  }

  #checkMember(cursor: Cursor, index: number): Fault | undefined {
    const { name, spelt, check } = this.#members[index] as Member;
    cursor.at += spelt.length;
    this.#places[index] = cursor.at;
    const before = cursor.departures.length;
    const found = check(cursor);
    if (found !== undefined) return within(name, found);
    if (cursor.departures.length > before) cursor.placeDepartures(before, name);
    return undefined;
  }

  #passUnknown(cursor: Cursor): Fault | undefined {
    if (!this.#open) return within(cursor.textAt(cursor.at), fault('unknown member'));
    if (this.#unknown === 0) this.#unknown = cursor.at;
    cursor.skipString();
    cursor.at++;
    cursor.skip();
    return undefined;
  }

  #indexOf(name: string): number {
    for (let index = 0; index < this.#members.length; index++) if (this.#members[index]?.name === name) return index;
    throw new RangeError(`no member ${name} in this schema`);
  }
}
