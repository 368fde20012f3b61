import fc from 'fast-check';
import { readJson } from './read-json.ts';

/** A JSON text with what it should mean. */
export interface Text {
  readonly text: string;
  /** Whether some object in it has a member twice. */
  readonly repeats: boolean;
}

const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r\n ');
const unit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b', ':', ',', '{', '[', '}', ' ', '/', '\u007f', 'é', '€', '\ufb33', '\u{1f600}'),
  },
  { weight: 1, arbitrary: fc.constantFrom('"', '\\', '\n', '\u0000', '\u001f', '\b', '\u2028') },
);
const plain = fc.string({ unit, maxLength: 12 });

/** A string as JSON.stringify writes it, or with any of its characters escaped in another way. */
const stringText = fc.tuple(plain, fc.boolean(), fc.boolean()).map(([value, escaped, upper]) => {
  if (!escaped) return JSON.stringify(value);
  const units = Array.from({ length: value.length }, (_, index) =>
    value.charCodeAt(index).toString(16).padStart(4, '0'),
  );
  const escaping = (hex: string, index: number) =>
    value[index] === '/' ? '\\/' : `\\u${upper ? hex.toUpperCase() : hex}`;
  return `"${units.map(escaping).join('')}"`;
});

const numberText = fc.oneof(
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((value) => !Number.isInteger(value) || Math.abs(value) < 1e15)
    .map(String),
  fc.constantFrom(
    '-0',
    '0',
    '1.0',
    '1E5',
    '1e+2',
    '0.10',
    '5e-324',
    '-0.0',
    '9007199254740991',
    '1.5e300',
    '123456789012345',
    '1234567890123456',
  ),
);

const leaf: fc.Arbitrary<Text> = fc
  .oneof(stringText, numberText, fc.constantFrom('true', 'false', 'null'))
  .map((text) => ({ text, repeats: false }));

/** Any value, its member names taken from `name`. */
function anyValue(name: fc.Arbitrary<string>): fc.Arbitrary<Text> {
  const { value } = fc.letrec<{ value: Text; array: Text; object: Text }>((tie) => ({
    value: fc.oneof({ maxDepth: 4, depthIdentifier: 'json' }, leaf, tie('array'), tie('object')),
    array: fc.array(fc.tuple(space, tie('value'), space), { maxLength: 4, depthIdentifier: 'json' }).map((items) => ({
      text: `[${items.map(([before, item, after]) => `${before}${item.text}${after}`).join(',')}]`,
      repeats: items.some(([, item]) => item.repeats),
    })),
    object: fc
      .array(fc.tuple(space, name, space, tie('value')), { maxLength: 5, depthIdentifier: 'json' })
      .map((members) => ({
        text: `{${members.map(([before, name, after, member]) => `${before}${name}${after}:${before}${member.text}`).join(',')}}`,
        repeats:
          new Set(members.map(([, name]) => readJson(name))).size < members.length ||
          members.some(([, , , member]) => member.repeats),
      })),
  }));
  return value;
}

function textOf(value: fc.Arbitrary<Text>): fc.Arbitrary<Text> {
  return fc
    .tuple(space, value, space)
    .map(([before, { text, repeats }, after]) => ({ text: `${before}${text}${after}`, repeats }));
}

/** Valid JSON texts in every spelling that the grammar allows, and some objects with a member twice. */
export const jsonText: fc.Arbitrary<Text> = textOf(anyValue(stringText));

/** The same, most member names short and full of escapes. */
export const escapedJsonText: fc.Arbitrary<Text> = textOf(
  anyValue(
    fc.oneof(
      fc
        .array(fc.constantFrom('a', '\\\\', '\\"', '\\n', '\\/', '\\u0061', '\\u005c', '\\u005C\\u005c'), {
          maxLength: 3,
        })
        .map((parts) => `"${parts.join('')}"`),
      stringText,
    ),
  ),
);
