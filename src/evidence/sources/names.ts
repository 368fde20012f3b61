const JSON_NAME = /\.json(?:\.gz|\.zst)?$/i;
const LINES_NAME = /\.(?:jsonl|ndjson)(?:\.gz|\.zst)?$/i;

/** What a file has to be by its name: one JSON text, one on each line, or nothing in particular. */
export type NamedForm = 'json' | 'lines' | undefined;

/** The form that a name promises, packed or not. */
export function formOfName(name: string): NamedForm {
  if (JSON_NAME.test(name)) return 'json';
  return LINES_NAME.test(name) ? 'lines' : undefined;
}
