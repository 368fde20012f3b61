import { readFile } from 'node:fs/promises';
import { readJson } from '../../core/read-json.ts';

/** What trivy says of one vulnerability in one installed package. */
export interface Finding {
  readonly lockFile: string;
  readonly id: string;
  readonly name: string;
  readonly installed: string;
  readonly fixed: string;
  readonly severity: string;
  readonly title: string;
}

/** A template for trivy: a finding a line, as a JSON list. */
export const findingsTemplate = `{{- range . }}{{ $target := .Target }}{{ range .Vulnerabilities -}}
{{ list $target .VulnerabilityID .PkgName .InstalledVersion .FixedVersion .Severity .Title | toJson }}
{{ end }}{{ end }}`;

/** The findings that trivy wrote by that template. */
export async function readFindings(path: string): Promise<Finding[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [lockFile, id, name, installed, fixed, severity, title] = readJson(line) as string[];
    return { lockFile, id, name, installed, fixed, severity, title } as Finding;
  });
}

/** A finding that only one side has, or in which the two disagree. */
export interface Difference {
  readonly what: 'only ours' | 'only theirs' | 'fixed' | 'severity' | 'title';
  readonly finding: Finding;
}

/** Where two scans of the same lock files differ, in the order of ours and then of theirs. */
export function differences(ours: readonly Finding[], theirs: readonly Finding[]): Difference[] {
  const rest = new Map(theirs.map((finding) => [keyOf(finding), finding]));
  const found: Difference[] = [];
  for (const finding of ours) {
    const other = rest.get(keyOf(finding));
    rest.delete(keyOf(finding));
    if (other === undefined) found.push({ what: 'only ours', finding });
    else
      for (const what of ['fixed', 'severity', 'title'] as const)
        if (finding[what] !== other[what]) found.push({ what, finding });
  }
  for (const finding of rest.values()) found.push({ what: 'only theirs', finding });
  return found;
}

function keyOf({ lockFile, id, name, installed }: Finding): string {
  return JSON.stringify([lockFile, id, name, installed]);
}
