#include "options.h"
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>

Options options;

bool setOption(const std::string& name, i64 value) {
#define OPTION(x) {#x, &Options::x}
	static const std::map<std::string, i64 Options::*> fields = {
		OPTION(check), OPTION(nan), OPTION(registers), OPTION(blocks), OPTION(threads), OPTION(order), OPTION(sharing),
		OPTION(perturb), OPTION(truncate), OPTION(devices), OPTION(sm), OPTION(driver), OPTION(memory), OPTION(budget),
		OPTION(failAlloc), OPTION(failPinned), OPTION(failCopy), OPTION(failLaunch), OPTION(failLoad), OPTION(failSync),
		OPTION(failCall), OPTION(failCode), OPTION(loseAfter), OPTION(loseCode), OPTION(count), OPTION(quiet), OPTION(verbose),
	};
	auto f = fields.find(name);
	if (f == fields.end()) return false;
	options.*(f->second) = value;
	return true;
}

// A program that is no test sets them in its environment: SDGO_SIM=check=0,threads=1.
__attribute__((constructor)) static void fromEnvironment() {
	const char* e = getenv("SDGO_SIM");
	for (std::string rest = e ? e : ""; !rest.empty();) {
		size_t end = rest.find(','), eq = rest.find('=');
		std::string name = rest.substr(0, eq);
		if (eq == std::string::npos || !setOption(name, strtoll(rest.c_str() + eq + 1, nullptr, 0)))
			fprintf(stderr, "cuda sim: SDGO_SIM: no option %s\n", name.c_str());
		rest = end == std::string::npos ? "" : rest.substr(end + 1);
	}
}

static std::string formatted(const char* f, va_list a) {
	char text[2048];
	vsnprintf(text, sizeof text, f, a);
	return text;
}

std::string format(const char* f, ...) {
	va_list a;
	va_start(a, f);
	std::string s = formatted(f, a);
	va_end(a);
	return s;
}

void fault(int code, const char* f, ...) {
	va_list a;
	va_start(a, f);
	std::string s = formatted(f, a);
	va_end(a);
	throw Fault(code, s);
}
