// Makes docs/images/editor.png, the picture in the README, from a real run: `npm run image`.
import { join } from "node:path";
import { eventually, root, Workbench } from "./workbench.mjs";

const bench = await Workbench.start();
try {
  const editor = await bench.open(join(root, "samples"), "matmul.py", { width: 1640, height: 960 });
  await editor.ready();
  const { page } = editor;
  await eventually("the verdicts", async () => (await editor.lenses()).filter((text) => /^[✓✗]/.test(text)).length === 2);
  await page.keyboard.press("Control+b");
  await editor.cursor("def doubled_matmul");
  await editor.command("Stile: Show normal form");
  const panel = page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
  await panel.locator(".kernel mark").first().waitFor();
  await editor.hover("result.assign(accumulator)", 1);
  await page.screenshot({ path: join(root, "docs", "images", "editor.png"), animations: "disabled" });
  await editor.close();
} finally {
  await bench.stop();
}
