import { copyFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Updater } from 'tuf-js';
import { describe } from 'vitest';
import type { Judge } from './judged.ts';
import { describeJudgement } from './judgement.ts';

const judge: Judge = async ({ url, root, state, target, out }) => {
  const trusted = join(state, 'root.json');
  if ((await stat(trusted).catch(() => undefined)) === undefined) await copyFile(root, trusted);
  const urls = { metadataBaseUrl: `${url}/metadata`, targetBaseUrl: `${url}/targets` };
  const options = { metadataDir: state, targetDir: dirname(out), ...urls, config: { fetchRetry: 0 } };
  try {
    const updater = new Updater(options);
    await updater.refresh();
    const info = await updater.getTargetInfo(target);
    if (info === undefined) return 'not listed';
    await updater.downloadTarget(info, out);
    return undefined;
  } catch (error) {
    return String(error);
  }
};

describe('tuf-js', () => describeJudgement(judge));
