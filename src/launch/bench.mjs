/**
 * `npm run bench -- --case NAME …`: prepares the clone, then runs the benchmark in this process.
 * Where a word such as `compare` comes first, it is a tool that starts many runs. Those are not
 * shipped, hence not in `dist/`: their TypeScript is turned into JavaScript as it is loaded.
 */
import { register } from 'node:module'
import { prepare } from './prepare.mjs'

await prepare()
if (/^[a-z]/.test(process.argv[2] ?? '')) {
  register('./typescript-hooks.mjs', import.meta.url)
  await import('../../bench/tools/main.ts')
} else {
  await import('../../dist/bench/main.js')
}
