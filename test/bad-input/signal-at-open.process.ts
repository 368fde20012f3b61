import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before the program: the process gets SIGNAL when it opens a file whose path fits SIGNAL_AT for the
 * SIGNAL_COUNT-th time, as if somebody had pressed Ctrl-C, or pulled the plug, just then.
 */
const { SIGNAL = 'SIGINT', SIGNAL_AT = '', SIGNAL_COUNT = '1' } = process.env;
const pattern = new RegExp(SIGNAL_AT);
let left = Number(SIGNAL_COUNT);

const { open } = promises;
const { open: openWith, openSync, readlinkSync } = fs;

/** A file that is opened through a folder which is held open is told by where that folder is. */
function realPath(path: string): string {
  const [, folder = '', rest = ''] = /^(\/proc\/self\/fd\/\d+)(\/.*)$/.exec(path) ?? [];
  return folder === '' ? path : readlinkSync(folder) + rest;
}

function note(path: unknown): void {
  if (pattern.test(realPath(String(path))) && --left === 0) process.kill(process.pid, SIGNAL as NodeJS.Signals);
}

promises.open = ((path: string, ...rest: []) => {
  note(path);
  return open(path, ...rest);
}) as typeof promises.open;
fs.open = ((path: string, ...rest: unknown[]) => {
  note(path);
  Reflect.apply(openWith, fs, [path, ...rest]);
}) as typeof fs.open;
fs.openSync = ((path: string, ...rest: [number]) => {
  note(path);
  return openSync(path, ...rest);
}) as typeof fs.openSync;
syncBuiltinESMExports();
