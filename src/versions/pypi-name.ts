/** The name of a package of PyPI in the one form that all its spellings share (PEP 503). */
export function canonicalPypiName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
