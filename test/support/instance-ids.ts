let made = 0;

/** An instance id that no other test of the file has. */
export function fresh(name: string): string {
  made++;
  return `${name}-${made}`;
}
