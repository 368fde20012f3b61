import { reuseSuite } from './reuse.ts';

reuseSuite('serve', 'json:raw');
reuseSuite('layout', 'trivy:db');
