/** `npm run build`: dependencies and `dist/`, both only if they are not up to date. */
import { prepare } from './prepare.mjs'

await prepare()
