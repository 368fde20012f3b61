import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** What a command printed, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A copy of what the program consists of, to be changed as CONTRIBUTING.md says. */
export class RecipeCheckout {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @param more files and folders of the repository that are copied too */
  static async create(more: readonly string[] = []): Promise<RecipeCheckout> {
    const path = await mkdtemp(join(tmpdir(), 'recipe-'));
    const names = ['src', 'bin', 'examples', 'manifests-schema', 'scripts', 'package.json', 'tsconfig.json', ...more];
    for (const name of names) await cp(join(root, name), join(path, name), { recursive: true });
    await symlink(join(root, 'node_modules'), join(path, 'node_modules'));
    return new RecipeCheckout(path);
  }

  async addFile(name: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.path, name)), { recursive: true });
    await writeFile(join(this.path, name), text, { flag: 'wx' });
  }

  /** Replaces texts, each of which is there. */
  async edit(name: string, changes: Readonly<Record<string, string>>): Promise<void> {
    let text = await readFile(join(this.path, name), 'utf8');
    for (const [from, to] of Object.entries(changes)) {
      if (!text.includes(from)) throw new Error(`${name}: no ${from}`);
      text = text.replace(from, to);
    }
    await writeFile(join(this.path, name), text);
  }

  /** The files of `src` that differ from those of the repository, or are not there. */
  async changedFiles(): Promise<string[]> {
    const changed: string[] = [];
    for (const entry of await readdir(join(this.path, 'src'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      const name = file.slice(this.path.length + 1);
      const original = await readFile(join(root, name)).catch(() => undefined);
      if (original === undefined || Buffer.compare(original, await readFile(file)) !== 0) changed.push(name);
    }
    return changed.sort();
  }

  /** Runs a program in it, such as `bin/export-center`. */
  run(program: string, ...args: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const { PATH = '' } = process.env;
      const env = { PATH, HOME: this.path, COSIGN_PASSWORD: '' };
      execFile(join(this.path, program), args, { cwd: this.path, env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
