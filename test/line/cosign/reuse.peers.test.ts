import { describePeers } from '../../peers/peers.ts';
import { reuseSuite } from './reuse.ts';

describePeers(['docker-registry'], 'where referrers are a tag', () => {
  reuseSuite('docker-registry', 'trivy:db');
  reuseSuite('docker-registry', 'json:raw');
});
