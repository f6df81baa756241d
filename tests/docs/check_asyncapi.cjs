// Validates the AsyncAPI document at argv[2]; prints its faults and exits 1 if there is one.
const { Parser, fromFile } = require("@asyncapi/parser");

fromFile(new Parser(), process.argv[2])
  .parse()
  .then(({ document, diagnostics }) => {
    const faults = diagnostics.filter((found) => found.severity <= 1); // errors and warnings
    for (const fault of faults) console.log(`${fault.path.join("/")}: ${fault.message}`);
    if (document) console.log(`${document.allMessages().all().length} messages`);
    process.exit(document && faults.length === 0 ? 0 : 1);
  });
