import { CodedError, type JsonObject } from '#core';
import type { ProfileOptions } from './profile.ts';

/** Of a profile that can be told nothing. */
export const noOptions: ProfileOptions<JsonObject> = {
  flags: [],
  defaults: {},
  read: (given: JsonObject, name: string) => {
    const [member] = Object.keys(given);
    if (member === undefined) return given;
    throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: /${member}: this profile has no options`, {
      hint: 'omit it',
      details: { name, member },
    });
  },
};
