// A page that only tells something: in the reader's language and colours.

import { startLanguage } from "./language.js";
import { retellTheme, startTheme } from "./theme.js";

startLanguage(retellTheme);
startTheme();
