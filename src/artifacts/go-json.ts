/** Go's encoder escapes these so that JSON can stand in HTML. */
const ESCAPED = /[<>&\u2028\u2029]/g;
/** A table, since nearly every constraint has some. */
const ESCAPES: ReadonlyMap<string, string> = new Map(
  ['<', '>', '&', '\u2028', '\u2029'].map((char) => [char, `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`]),
);

/** What goJson writes: JSON, in which a member may be undefined. */
export type GoValue =
  | string
  | number
  | boolean
  | null
  | readonly GoValue[]
  | { readonly [member: string]: GoValue | undefined };

/**
 * JSON text as Go's json.Marshal writes it: no white space, members in the order of the object, `<`, `>`, `&`, U+2028
 * and U+2029 escaped. Members that are undefined are left out, as Go leaves out what is empty.
 */
export function goJson(value: GoValue): string {
  return JSON.stringify(value).replace(ESCAPED, escapeChar);
}

function escapeChar(char: string): string {
  return ESCAPES.get(char) as string;
}
