// Sends every name below .e2b.localhost to this machine: plain glibc does so only with libnss-myhostname installed.
const dns = require('node:dns')
const real = dns.lookup
dns.lookup = function lookup(name, options, callback) {
  if (typeof name === 'string' && (name === 'e2b.localhost' || name.endsWith('.e2b.localhost'))) name = '127.0.0.1'
  return real.call(dns, name, options, callback)
}
