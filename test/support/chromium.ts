/** A headless Chromium, if the machine has one; installing it is the business of the CI script. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = [
  process.env['CHROMIUM'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]

export const chromiumPath = places.find((path) => path !== '' && existsSync(path))

if (chromiumPath === undefined) {
  console.warn('SKIPPED: no Chromium here (Debian: apt-get install chromium, or set CHROMIUM)')
}

/** As root it must run without a sandbox; it asks no host for anything of its own. */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
