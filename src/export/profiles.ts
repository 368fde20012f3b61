// Public entry of profiles/: what can be made of records.
export { describeProfile, type Profile, type ProfileFlag } from './profiles/profile.ts';
export { profiles, resolveProfile } from './profiles/registry.ts';
