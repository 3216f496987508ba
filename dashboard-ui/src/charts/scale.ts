/** Where the lines of a grid are: 3 or 4 round numbers from 0 to a bit more than the greatest value. */
export function ticksUpTo(greatest: number): readonly number[] {
  if (!(greatest > 0)) return [0, 1];
  const raw = greatest / 3;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((one) => one >= raw) ?? raw;
  const ticks: number[] = [];
  for (let tick = 0; tick < greatest + step; tick += step) ticks.push(tick);
  return ticks;
}
