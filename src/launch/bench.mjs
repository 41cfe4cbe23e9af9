/**
 * `npm run bench -- --case NAME …`: prepares the clone, then runs the benchmark in this process.
 */
import { prepare } from './prepare.mjs'

await prepare()
await import('../../dist/bench/main.js')
