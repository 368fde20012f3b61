import { afterAll, beforeAll, expect, test } from 'vitest';
import { advisory } from '../fixtures/records.ts';
import { noise } from '../oci/content.ts';
import { describePeers } from '../peers/peers.ts';
import { onDisk } from './disk.ts';
import { expectFailure, type Failure } from './failures.ts';
import { CliFixture, type Files } from './fixture.ts';

let fixture: CliFixture;
/** About 4 MiB that do not compress. */
let source: string;
/** A few bytes. */
let small: string;

beforeAll(async () => {
  fixture = await CliFixture.open();
  const files: Files = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${i}.json`, incompressible(i)]));
  source = await fixture.folder(files);
  small = await fixture.folder({ 'a.json': incompressible(0) });
  const { exit, stderr } = await fixture.run(['keys', 'generate', '--out', 'keys']);
  if (exit !== 0) throw new Error(stderr);
});
afterAll(() => fixture[Symbol.asyncDispose]());

function incompressible(i: number): object {
  const details = Buffer.from(noise(15_000, `record ${i}`)).toString('base64');
  const events = [{ introduced: '0' }, { fixed: `1.${i}` }];
  const affected = [{ package: { ecosystem: 'PyPI', name: `thing-${i}` }, ranges: [{ type: 'ECOSYSTEM', events }] }];
  return advisory(`FULL-${i}`, { details, affected });
}

/** As `full`, below TMPDIR, where there may be nothing to free. */
const temporary: Failure = { code: 'ERR_EXPORT_DISK_FULL', says: /no space left/, hint: /set TMPDIR/ };
const full: Failure = { code: 'ERR_EXPORT_DISK_FULL', says: /no space left/, hint: /free some space/ };
const readOnly: Failure = { code: 'ERR_EXPORT_NOT_WRITABLE', says: /read-only/, hint: /writable/ };

describePeers(['unshare'], 'a disk that is full, or cannot be written to', () => {
  test.each(['json:raw', 'trivy:db'])('%s: no room for temporary files, wherever it runs out', async (profile) => {
    const args = `export --profile ${profile} --unsigned --source '${source}' --to oci:from-${profile.slice(0, 4)}:1`;
    const sizes = ['16k', '64k', '300k', '1m', '2m'];
    const script = sizes.map((size) => `resize size=${size}; TMPDIR=$DISK ec at-${size} ${args}`).join('\n');
    const outcomeOf = await onDisk(fixture, 'size=8m', `${script}\nresize size=64m; TMPDIR=$DISK ec roomy ${args}`);
    for (const size of sizes) {
      const outcome = await outcomeOf(`at-${size}`);
      await expectFailure(fixture, outcome, temporary);
      expect(outcome.files).toEqual([]);
    }
    expect(await outcomeOf('roomy')).toMatchObject({ exit: 0, stderr: '', files: [] });
    expect(await fixture.made()).toContain(`from-${profile.slice(0, 4)}/index.json`);
  });

  test('no temporary files at all: a read-only TMPDIR, and one that is not there', async () => {
    const args = `--profile json:raw --source '${small}'`;
    const outcomeOf = await onDisk(
      fixture,
      'ro',
      `TMPDIR=$DISK ec readonly plan ${args}; TMPDIR=$DISK/missing ec missing plan ${args}`,
    );
    await expectFailure(fixture, await outcomeOf('readonly'), readOnly);
    await expectFailure(fixture, await outcomeOf('missing'), {
      code: 'ERR_EXPORT_NOT_FOUND',
      says: /missing/,
      hint: /TMPDIR/,
    });
  });

  test('a layout: the tag stays where it was, and with room the same command goes through', async () => {
    const to = '--to "oci:$DISK/layout:1" --key keys/cosign.key';
    const verify = 'verify "oci:$DISK/layout:1" --key keys/cosign.pub';
    const outcomeOf = await onDisk(
      fixture,
      'size=1m',
      `ec small export --profile json:raw --source '${small}' ${to}
       ec large export --profile json:raw --source '${source}' ${to}
       ec between ${verify}
       resize size=64m
       ec again export --profile json:raw --source '${source}' ${to}
       ec after ${verify}`,
    );
    expect(await outcomeOf('small')).toMatchObject({ exit: 0, stderr: '' });
    const failed = await outcomeOf('large');
    await expectFailure(fixture, failed, full);
    expect(failed.files.filter((name) => !/^\.\/layout(?:\/(?:blobs.*|index\.json|oci-layout))?$/.test(name))).toEqual(
      [],
    );
    expect(await outcomeOf('between')).toMatchObject({ exit: 0, stdout: expect.stringContaining('1 record\n') });
    expect(await outcomeOf('again')).toMatchObject({ exit: 0, stderr: '' });
    expect(await outcomeOf('after')).toMatchObject({ exit: 0, stdout: expect.stringContaining('200 records\n') });
  });

  test('a layout in a tar: the tar that was there stays whole', async () => {
    const to = '--to "oci-archive:$DISK/layout.tar:1" --unsigned';
    const outcomeOf = await onDisk(
      fixture,
      'size=1m',
      `ec small export --profile json:raw --source '${small}' ${to}
       cp "$DISK/layout.tar" before.tar
       ec large export --profile json:raw --source '${source}' ${to}
       cmp "$DISK/layout.tar" before.tar
       resize size=64m
       ec again export --profile json:raw --source '${source}' ${to}`,
    );
    const failed = await outcomeOf('large');
    await expectFailure(fixture, failed, full);
    expect(failed.files).toEqual(['./layout.tar']);
    expect(await outcomeOf('again')).toMatchObject({ exit: 0, stderr: '', files: ['./layout.tar'] });
  });

  test('places that are read-only: layout, keys, quickstart, registry', async () => {
    const outcomeOf = await onDisk(
      fixture,
      'size=1m',
      `mount -o remount,ro "$DISK"
       ec layout export --profile json:raw --unsigned --source '${small}' --to "oci:$DISK/new/layout:1"
       ec keys keys generate --out "$DISK/keys"
       ec quickstart quickstart --once --data "$DISK"
       ec serve serve --data "$DISK" --listen 127.0.0.1:0`,
    );
    for (const name of ['layout', 'keys', 'quickstart', 'serve'])
      await expectFailure(fixture, await outcomeOf(name), readOnly);
  });

  test('a full disk for keys: none of the three files is there', async () => {
    const outcomeOf = await onDisk(
      fixture,
      'size=16k',
      `head -c 16384 /dev/zero >"$DISK/filler" || true
       ec full keys generate --out "$DISK/keys"
       rm "$DISK/filler"
       ec again keys generate --out "$DISK/keys"`,
    );
    const failed = await outcomeOf('full');
    await expectFailure(fixture, failed, full);
    expect(failed.files).toEqual(['./filler']);
    expect((await outcomeOf('again')).files).toEqual(
      ['keys', 'keys/cosign.key', 'keys/cosign.pub', 'keys/trusted_root.json'].map((name) => `./${name}`),
    );
  });

  test('a registry whose disk is full: nothing is tagged, and with room the same command goes through', async () => {
    const outcomeOf = await onDisk(
      fixture,
      'size=1m',
      `"$NODE" "$PROGRAM" serve --data "$DISK" --listen 127.0.0.1:0 >served 2>served-errors & server=$!
       until grep -q http: served; do sleep 0.1; done
       repository=$(sed 's/.*http:..//' served)/security/feed
       ec large export --profile json:raw --source '${source}' --to "$repository:1" --key keys/cosign.key
       ec between verify "$repository:1" --key keys/cosign.pub
       resize size=64m
       ec again export --profile json:raw --source '${source}' --to "$repository:1" --key keys/cosign.key
       ec after verify "$repository:1" --key keys/cosign.pub
       kill $server
       wait $server
       (cd "$DISK" && find . -mindepth 1 | sort) >"$NOTES/after.files"`,
    );
    const failed = await outcomeOf('large');
    await expectFailure(fixture, failed, {
      code: 'ERR_EXPORT_REGISTRY_UNAVAILABLE',
      says: /507/,
      hint: /run it again later/,
    });
    await expectFailure(fixture, await outcomeOf('between'), { code: 'ERR_EXPORT_NOT_FOUND' });
    expect(await outcomeOf('again')).toMatchObject({ exit: 0, stderr: '' });
    const { files, ...after } = await outcomeOf('after');
    expect(after).toMatchObject({ exit: 0, stdout: expect.stringContaining('200 records\n') });
    expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
