import type { PeerName } from '../peers/find.ts';
import { describePeers, runPeer } from '../peers/peers.ts';
import type { Judge } from './judged.ts';
import { describeJudgement } from './judgement.ts';

/** A short program of ours over a client of others: test/peers/go/go-tuf, test/peers/python/python-tuf. */
const judgeOf =
  (name: PeerName): Judge =>
  async ({ url, root, state, target, out }) => {
    const { code, stderr } = await runPeer(name, [`${url}/metadata`, `${url}/targets`, root, state, target, out]);
    return code === 0 ? undefined : stderr;
  };

for (const name of ['go-tuf', 'python-tuf'] as const) {
  describePeers([name], name, () => describeJudgement(judgeOf(name)));
}
