import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { readAll } from '../../oci/content.ts';
import { serverIdentity } from '../../oci/identities.ts';
import { describePeers, type RunResult, runPeer } from '../../peers/peers.ts';
import { writeCertificate } from '../certificate-files.ts';
import { serving } from '../serving.ts';
import { basic, writeUsers } from './users.ts';

const { start, folder } = serving();
// Trivy takes a space in a password for the start of another.
const user = { username: 'builder', password: 'correct-horse' } as const;
const wrong = 'battery-staple';

type Client = 'oras' | 'crane' | 'skopeo' | 'regctl' | 'cosign3' | 'trivy';

/** A registry with a user, and a home in which clients keep what they are told. */
interface RegistryFixture {
  readonly address: string;
  readonly here: string;
  run(
    client: Client,
    args: readonly string[],
    more?: { input?: string; env?: Record<string, string> },
  ): Promise<RunResult>;
}

async function startRegistry({ tls = false, anonymousRead = false } = {}): Promise<RegistryFixture> {
  const here = await folder();
  const certificate = tls ? { tls: await writeCertificate(here, serverIdentity) } : {};
  const { address } = await start({ htpasswdFile: await writeUsers(here, [user]), anonymousRead, ...certificate });
  await writeFile(join(here, 'ca.crt'), serverIdentity.cert);
  await writeFile(join(here, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  await writeFile(join(here, 'file.txt'), 'one file');
  const env = {
    HOME: here,
    DOCKER_CONFIG: join(here, 'docker'),
    ...(tls ? { SSL_CERT_FILE: join(here, 'ca.crt') } : {}),
  };
  return {
    address,
    here,
    run: async (client, args, more = {}) => {
      const isSkopeo = client === 'skopeo';
      const policy = isSkopeo ? ['--policy', join(here, 'policy.json')] : [];
      const auth = isSkopeo ? { REGISTRY_AUTH_FILE: join(here, 'auth.json') } : {};
      const settings = { cwd: here, env: { ...env, ...auth, ...more.env } };
      const input = more.input === undefined ? {} : { input: more.input };
      return await runPeer(client, [...policy, ...args], { ...settings, ...input });
    },
  };
}

function succeeded({ code, stdout, stderr }: RunResult): string {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

function refused({ code, stdout, stderr }: RunResult): void {
  expect(code, stdout + stderr).not.toBe(0);
  expect(stdout + stderr).toMatch(/\b401\b|unauthorized|basic credential not found|invalid username\/password/i);
}

/** How each client logs in, and takes an image from one name to another in the registry. */
const logins = {
  oras: {
    login: ({ address }: RegistryFixture, input: string, tls: boolean) => ({
      args: ['login', address, '-u', user.username, '--password-stdin', tls ? '--ca-file=ca.crt' : '--plain-http'],
      input,
    }),
    copy: (from: string, to: string, tls: boolean) =>
      tls
        ? ['cp', '--from-ca-file=ca.crt', '--to-ca-file=ca.crt', '--no-tty', from, to]
        : ['cp', '--from-plain-http', '--to-plain-http', '--no-tty', from, to],
  },
  crane: {
    login: ({ address }: RegistryFixture, input: string) => ({
      args: ['auth', 'login', address, '-u', user.username, '--password-stdin'],
      input,
    }),
    copy: (from: string, to: string) => ['copy', from, to],
  },
  skopeo: {
    login: ({ address }: RegistryFixture, input: string, tls: boolean) => ({
      args: ['login', address, '-u', user.username, '--password-stdin', ...(tls ? [] : ['--tls-verify=false'])],
      input,
    }),
    copy: (from: string, to: string, tls: boolean) => [
      'copy',
      ...(tls ? [] : ['--src-tls-verify=false', '--dest-tls-verify=false']),
      `docker://${from}`,
      `docker://${to}`,
    ],
  },
  regctl: {
    login: ({ address }: RegistryFixture, input: string, tls: boolean) => ({
      args: [...regctlHost(address, tls), 'registry', 'login', address, '-u', user.username, '--pass-stdin'],
      input,
    }),
    copy: (from: string, to: string, tls: boolean) => [
      ...regctlHost(from.slice(0, from.indexOf('/')), tls),
      'image',
      'copy',
      from,
      to,
    ],
  },
} as const;

/** `registry login` keeps what this says, or else what it takes for granted, which is TLS. */
function regctlHost(address: string, tls: boolean): string[] {
  return tls ? [] : ['--host', `reg=${address},tls=disabled`];
}

const names = Object.keys(logins) as (keyof typeof logins)[];

/** Puts an image in place by a client that needs no login of its own. */
async function seed({ address, run }: RegistryFixture, tls: boolean): Promise<string> {
  const reference = `${address}/seed/image:v1`;
  const flags = ['-u', user.username, '--password-stdin', tls ? '--ca-file=ca.crt' : '--plain-http'];
  const args = ['push', '--no-tty', ...flags, '--config', 'config.json:application/vnd.oci.image.config.v1+json'];
  succeeded(
    await run('oras', [...args, reference, 'file.txt:application/vnd.oci.image.layer.v1.tar'], {
      input: user.password,
      env: { DOCKER_CONFIG: 'nowhere' },
    }),
  );
  return reference;
}

async function writeConfig(here: string): Promise<void> {
  const diffId = `sha256:${'0'.repeat(64)}`;
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [diffId] } };
  await writeFile(join(here, 'config.json'), JSON.stringify(config));
}

describePeers(names, 'clients that log in', () => {
  for (const tls of [false, true]) {
    test.each(names)(`%s, ${tls ? 'over TLS' : 'plain'}`, { timeout: 120_000 }, async (client) => {
      const place = await startRegistry({ tls });
      const { address, here, run } = place;
      await writeConfig(here);
      const from = await seed(place, tls);
      const { login, copy } = logins[client];
      const copyTo = async (name: string) => await run(client, copy(from, `${address}/${client}/${name}:v1`, tls));

      refused(await copyTo('before'));
      const bad = login(place, wrong, tls);
      const failed = await run(client, bad.args, { input: bad.input });
      // crane writes down what it is told, and asks nobody.
      if (client === 'crane') refused(await copyTo('wrong'));
      else refused(failed);
      const good = login(place, user.password, tls);
      succeeded(await run(client, good.args, { input: good.input }));
      succeeded(await copyTo('after'));
    });
  }

  test.each(names)(
    'anonymous reads: %s pulls without a login and pushes with one',
    { timeout: 120_000 },
    async (client) => {
      const place = await startRegistry({ anonymousRead: true });
      const { address, here, run } = place;
      await writeConfig(here);
      const from = await seed(place, false);
      const { login, copy } = logins[client];
      const pull = {
        oras: ['pull', '--plain-http', '--no-tty', '-o', 'pulled', from],
        crane: ['pull', '--format=oci', from, 'pulled'],
        skopeo: ['copy', '--src-tls-verify=false', `docker://${from}`, `oci:${join(here, 'pulled')}:v1`],
        regctl: [...regctlHost(address, false), 'image', 'copy', from, `ocidir://${join(here, 'pulled')}:v1`],
      };
      succeeded(await run(client, pull[client]));
      const to = `${address}/${client}/copied:v1`;
      refused(await run(client, copy(from, to, false)));
      const { args, input } = login(place, user.password, false);
      succeeded(await run(client, args, { input }));
      succeeded(await run(client, copy(from, to, false)));
    },
  );
});

describePeers(['oras'], 'a client that is slowed down', () => {
  test('oras logs in after failed logins of its user: delayed, not refused', async () => {
    const place = await startRegistry();
    for (let i = 0; i < 6; i++) {
      const headers = basic({ ...user, password: `${wrong} ${i}` });
      const { status } = await fetch(`http://${place.address}/v2/`, { headers });
      expect(status).toBe(401);
    }
    const { args, input } = logins.oras.login(place, user.password, false);
    succeeded(await place.run('oras', args, { input }));
  });
});

describePeers(['oras', 'cosign3', 'crane'], 'signatures of a registry with users', () => {
  test.each([false, true])(
    'cosign signs and verifies with the login of others, TLS %s',
    { timeout: 120_000 },
    async (tls) => {
      const place = await startRegistry({ tls });
      const { address, here, run } = place;
      await writeConfig(here);
      const from = await seed(place, tls);
      succeeded(await run('crane', ['auth', 'login', address, '-u', user.username, '-p', user.password]));
      const digest = succeeded(await run('crane', ['digest', from])).trim();
      const image = `${address}/seed/image@${digest}`;
      await writeFile(
        join(here, 'tr.json'),
        '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
      );
      succeeded(await run('cosign3', ['generate-key-pair']));
      const sign = ['sign', '--yes', '--key=cosign.key', '--use-signing-config=false', '--tlog-upload=false', image];
      const verify = ['verify', '--insecure-ignore-tlog', '--trusted-root=tr.json', '--key=cosign.pub', image];
      const anonymous = { DOCKER_CONFIG: join(here, 'nowhere') };
      refused(await run('cosign3', sign, { env: anonymous }));
      succeeded(await run('cosign3', sign));
      succeeded(await run('cosign3', verify));
      refused(await run('cosign3', verify, { env: anonymous }));
      const named = [`--registry-username=${user.username}`, `--registry-password=${user.password}`];
      succeeded(await run('cosign3', [...verify, ...named], { env: anonymous }));
    },
  );
});

describePeers(['oras', 'trivy'], 'a vulnerability database of a registry with users', () => {
  test.each([false, true])(
    'trivy takes it by its own variables and by a login, TLS %s',
    { timeout: 120_000 },
    async (tls) => {
      const place = await startRegistry({ tls });
      const { address, here, run } = place;
      const tar = pack();
      tar.entry({ name: 'trivy.db' }, 'not a database yet');
      tar.entry({ name: 'metadata.json' }, '{"Version":2,"NextUpdate":"2999-01-01T00:00:00Z"}');
      tar.finalize();
      await writeFile(join(here, 'db.tar.gz'), await readAll(tar.pipe(createGzip())));
      const { args, input } = logins.oras.login(place, user.password, tls);
      succeeded(await run('oras', args, { input }));
      const type = 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip';
      const flags = ['--artifact-type', 'application/vnd.aquasec.trivy.config.v1+json', '--no-tty'];
      const transport = tls ? '--ca-file=ca.crt' : '--plain-http';
      const db = `${address}/security/trivy-db:2`;
      succeeded(await run('oras', ['push', transport, ...flags, db, `db.tar.gz:${type}`]));

      const download = async (name: string, env: Record<string, string>): Promise<RunResult> => {
        await mkdir(join(here, name));
        const quiet = ['--skip-version-check', '--disable-telemetry', '--no-progress', '--cache-dir', join(here, name)];
        return await run('trivy', ['image', '--download-db-only', ...quiet, '--db-repository', db], { env });
      };
      const anonymous = { DOCKER_CONFIG: join(here, 'nowhere') };
      refused(await download('a', anonymous));
      refused(await download('b', { ...anonymous, TRIVY_USERNAME: user.username, TRIVY_PASSWORD: wrong }));
      succeeded(await download('c', { ...anonymous, TRIVY_USERNAME: user.username, TRIVY_PASSWORD: user.password }));
      succeeded(await download('d', {}));
      for (const name of ['c', 'd']) {
        expect(await readFile(join(here, name, 'db', 'trivy.db'), 'utf8')).toBe('not a database yet');
      }
    },
  );
});
