/**
 * `npm run chaos -- --seed N --minutes M`: prepares the clone, then breaks things in this process.
 * The harness is not shipped, hence not in `dist/`: its TypeScript is turned into JavaScript as it
 * is loaded.
 */
import { register } from 'node:module'
import { prepare } from './prepare.mjs'

await prepare()
register('./typescript-hooks.mjs', import.meta.url)
await import('../../test/system/chaos/main.ts')
