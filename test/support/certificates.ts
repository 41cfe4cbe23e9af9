/** Certificates that vouch for themselves, made for the occasion by the JDK's own tool. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificate {
  /** PKCS12, with the key in it. */
  readonly store: string
  readonly password: string
  /** The certificate alone, PEM: its path and its text. */
  readonly file: string
  readonly pem: string
}

/** For `localhost`, in files of this directory that begin with `name`. */
export async function makeCertificate(
  directory: string,
  name: string,
  validity: { readonly startdate: string; readonly days: number } = { startdate: '-1d', days: 30 }
): Promise<Certificate> {
  const [store, file] = [join(directory, `${name}.p12`), join(directory, `${name}.pem`)]
  const password = 'only-for-tests'
  const common = ['-keystore', store, '-storepass', password, '-alias', name]
  const key = ['-keyalg', 'EC', '-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost']
  const dates = ['-startdate', validity.startdate, '-validity', String(validity.days)]
  await run('keytool', ['-genkeypair', ...common, '-storetype', 'PKCS12', ...key, ...dates])
  await run('keytool', ['-exportcert', '-rfc', ...common, '-file', file])
  return { store, password, file, pem: await readFile(file, 'utf8') }
}
