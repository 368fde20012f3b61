import type { MirrorKit } from './mirror-kit.generated.ts';

/** What the README of a kit says. */
export interface ReadmeFacts {
  readonly kit: MirrorKit;
  readonly id: string;
  /** Of the first root and of the newest one, in hex. */
  readonly roots: readonly { readonly version: number; readonly sha256: string }[];
}

/** `README.txt`: what to do with a kit, for whoever finds it. */
export function encodeReadme({ kit, id, roots }: ReadmeFacts): string {
  const fingerprints = roots.map(({ version, sha256 }) => `     root ${version}: ${sha256}`);
  return `This is a mirror kit of Export Center: snapshot ${kit.sequence} of the mirror "${kit.stream}".
Kit id: ${id}
${basesText(kit)}
1. Check that it arrived complete:      sh verify.sh
2. You need a TUF root of this mirror that you received in another way than this kit.
   SHA-256 of the roots that this kit is signed under:
${fingerprints.join('\n')}
3. Import it:                           export-center mirror import . --to REGISTRY --trust root.json --state DIR
4. Or copy single artifacts with other tools:
     oras cp -r --from-oci-layout-path . REPOSITORY:TAG REGISTRY/REPOSITORY:TAG
     skopeo copy oci:.:REPOSITORY:TAG docker://REGISTRY/REPOSITORY:TAG
   index.json lists each REPOSITORY:TAG. Only step 3 detects that a kit is older than one that was imported before.
Files in trust/ are for convenience: compare them with copies that you received in another way.
`;
}

function basesText({ bases }: MirrorKit): string {
  if (bases.length === 0) return '';
  const list = bases.map(({ kind, digest }) => `     ${kind} ${digest}`);
  return `It is a delta: it can only be imported where one of the following was imported before, or is there:
${list.join('\n')}
`;
}

/** `verify.sh`: checks the files of a kit with POSIX sh and busybox's tools. */
export const verifyScript = `#!/bin/sh
# Checks that this mirror kit arrived complete and unchanged: sh verify.sh
# With KIT_KEY=FILE, a public key that you trust, it also verifies who made it (requires cosign).
# It does not check that this is the newest kit: export-center mirror import does.
set -eu
case "\${KIT_KEY:-}" in '' | /* | *://*) ;; *) KIT_KEY=$PWD/$KIT_KEY ;; esac
cd "$(dirname "$0")"
sha256sum -c checksums.txt > /dev/null
if [ -f checksums-sha512.txt ]; then sha512sum -c checksums-sha512.txt > /dev/null; fi
echo "complete: $(wc -l < checksums.txt) files"
if [ -n "\${KIT_KEY:-}" ]; then
  [ -f checksums.txt.sig ] || { echo "this kit is not signed" >&2; exit 1; }
  command -v cosign > /dev/null || { echo "cosign not found" >&2; exit 1; }
  cosign verify-blob --key "$KIT_KEY" --insecure-ignore-tlog=true --signature checksums.txt.sig checksums.txt
else
  echo "not verified: who made it (set KIT_KEY to a public key that you trust)"
fi
`;
