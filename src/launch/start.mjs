/** `npm start`: prepares the clone, then becomes the application (no process in between). */
import { prepare } from './prepare.mjs'

await prepare()
await import('../../dist/src/main.js')
