// Texts have a contrast of at least 4.5 to 1, and what is drawn of at least 3 to 1, in both schemes (WCAG 2.2, 1.4.3
// and 1.4.11). Whatever can be pressed is at least 24 pixels high (2.5.8).
#include "listening/page_style.hpp"

namespace pbx::listening {

const std::string_view page_style = R"(
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #57606a; --line: #6e7781; --wave: #6e7781;
  --played: #0550ae; --called: #953800; --mark: #a40e26; --band: #f0f3f6; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9da7b3; --line: #6e7681; --wave: #8b949e; --played: #79c0ff;
    --called: #ffa657; --mark: #ff7b72; --band: #161b22; --link: #79c0ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
p { margin: 0 0 .75rem; }
a { color: var(--link); }
audio { display: block; width: 100%; margin: .75rem 0; }
.facts, .keys, li span { color: var(--soft); }
.wave { position: relative; height: 9rem; background: var(--band); border-radius: .4rem; cursor: pointer; }
.wave canvas { display: block; width: 100%; height: 100%; }
.wave .lane { position: absolute; left: .4rem; font-size: .8rem; padding: 0 .3rem; background: var(--paper); color: var(--ink); }
.wave .lane:nth-of-type(1) { top: .2rem; }
.wave .lane:nth-of-type(2) { top: 4.7rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.tools { display: flex; flex-wrap: wrap; gap: .5rem; margin: .75rem 0; align-items: center; }
button, select { font: inherit; color: var(--ink); background: var(--band); border: 1px solid var(--line); border-radius: .4rem;
  padding: .35rem .7rem; min-height: 2.25rem; }
ol, ul { padding-left: 1.5rem; margin: 0; }
li { padding: .25rem .4rem; overflow-wrap: anywhere; }
li a { display: inline-block; min-height: 1.5rem; }
li[aria-current] { background: var(--band); box-shadow: inset .25rem 0 var(--played); }
.keys { font-size: .875rem; }
[role=alert] { color: var(--mark); font-weight: 600; }
[hidden] { display: none; }
)";

} // namespace pbx::listening
