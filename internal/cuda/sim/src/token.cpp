#include "token.h"

static bool inWord(char c) { return isalnum((u8)c) || c == '_' || c == '$' || c == '%' || c == '.' || c == '@' || c == '!'; }

void Tokens::skipLine() {
	while (at < text.size() && text[at] != '\n') at++;
}

// skip passes over spaces and comments.
void Tokens::skip() {
	for (; at < text.size(); at++) {
		if (text.compare(at, 2, "//") == 0) {
			skipLine();
		} else if (text.compare(at, 2, "/*") == 0) {
			size_t end = text.find("*/", at + 2);
			end = end == std::string::npos ? text.size() : end + 2;
			for (; at < end; at++) line += text[at] == '\n';
			at--;
			continue;
		}
		if (at >= text.size() || !isspace((u8)text[at])) return;
		line += text[at] == '\n';
	}
}

Token Tokens::word() {
	skip();
	Token t{"", line};
	if (at >= text.size() || text[at] == 0) return t;
	size_t from = at;
	if (text[at] == '"') {
		at = text.find('"', at + 1);
		at = at == std::string::npos ? text.size() : at + 1;
	} else {
		while (at < text.size() && (inWord(text[at]) || text.compare(at, 2, "::") == 0)) at += text[at] == ':' ? 2 : 1;
		if (at == from) at++;
	}
	t.text = text.substr(from, at - from);
	return t;
}

Token Tokens::next() {
	for (;;) {
		Token t = word();
		if (t.is(".loc") || t.is(".file")) {
			skipLine();
		} else if (t.is(".section")) { // what a debugger reads
			while (!t.text.empty() && !t.is("}")) t = word();
		} else
			return t;
	}
}

Token Tokens::peek() {
	size_t keepAt = at;
	int keepLine = line;
	Token t = next();
	at = keepAt, line = keepLine;
	return t;
}
