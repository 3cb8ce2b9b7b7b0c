/* der: see der.h. Reads what a peer sent: every length is tested against what is
 * there. */
#include "lib/der.h"

#include <string.h>
#include <strings.h>

#include "lib/printable.h"

enum {
	DER_INTEGER = 0x02,
	DER_OBJECT_IDENTIFIER = 0x06,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_T61_STRING = 0x14,
	DER_IA5_STRING = 0x16,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_VERSION = 0xa0,	/* [0] of a certificate */
	DER_BOOLEAN = 0x01,
	DER_OCTET_STRING = 0x04,
	DER_EXTENSIONS = 0xa3,	/* [3] of a certificate */
	DER_DNS_NAME = 0x82,	/* [2] of a GeneralName */
};

bool
der_is_equal(struct der a, struct der b)
{
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* Takes one element off the front of *from: its tag and content. Lengths of up to
 * two octets: what is read here is smaller than 64 KiB. */
static bool
take_element(struct der *from, unsigned *tag, struct der *content)
{
	size_t head = 2, len;

	if (from->len < 2)
		return false;
	*tag = from->s[0];
	len = from->s[1];
	if (len > 0x80 && len <= 0x82) {
		size_t n = len - 0x80;

		if (from->len < 2 + n)
			return false;
		len = n == 1 ? from->s[2] : (size_t)from->s[2] << 8 | from->s[3];
		head += n;
	} else if (len >= 0x80) {
		return false;
	}
	if (len > from->len - head)
		return false;
	*content = (struct der){ .s = from->s + head, .len = len };
	from->s += head + len;
	from->len -= head + len;
	return true;
}

static bool
take_tagged(struct der *from, unsigned wanted, struct der *content)
{
	unsigned tag;

	return take_element(from, &tag, content) && tag == wanted;
}

/* One AttributeTypeAndValue: whether it is a common name (2.5.4.3) of a kind that
 * is text. */
static bool
read_common_name(struct der attribute, struct der *value)
{
	static const unsigned char common_name[] = { 0x55, 0x04, 0x03 };
	struct der type;
	unsigned tag;

	if (!take_tagged(&attribute, DER_OBJECT_IDENTIFIER, &type) || type.len != sizeof common_name ||
	    memcmp(type.s, common_name, sizeof common_name) != 0 || !take_element(&attribute, &tag, value))
		return false;
	return tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING || tag == DER_T61_STRING || tag == DER_IA5_STRING;
}

bool
der_find_names(struct der certificate, struct der *issuer, struct der *subject)
{
	struct der all, fields, rest, content;
	unsigned tag;

	if (!take_tagged(&certificate, DER_SEQUENCE, &all) || !take_tagged(&all, DER_SEQUENCE, &fields))
		return false;
	rest = fields;
	if (take_tagged(&rest, DER_VERSION, &content))
		fields = rest;
	if (!take_tagged(&fields, DER_INTEGER, &content) || !take_tagged(&fields, DER_SEQUENCE, &content))
		return false;		/* serial number, algorithm */
	*issuer = fields;
	if (!take_tagged(&fields, DER_SEQUENCE, &content))
		return false;
	issuer->len -= fields.len;
	if (!take_element(&fields, &tag, &content))
		return false;		/* validity */
	*subject = fields;
	if (!take_tagged(&fields, DER_SEQUENCE, &content))
		return false;
	subject->len -= fields.len;
	return true;
}

char *
der_common_name(char *to, size_t size, struct der name)
{
	struct der names, set, attribute, value;

	to[0] = '\0';
	if (!take_tagged(&name, DER_SEQUENCE, &names))
		return to;
	while (take_tagged(&names, DER_SET, &set))
		while (take_tagged(&set, DER_SEQUENCE, &attribute))
			if (read_common_name(attribute, &value))
				printable_copy(to, size, (const char *)value.s, value.len);
	return to;
}

/* ---- hosts ---- */

/* What stands in the certificate's extension of alternative names: a run of GeneralNames. */
static bool
find_alternatives(struct der certificate, struct der *names)
{
	static const unsigned char alternative_name[] = { 0x55, 0x1d, 0x11 };
	struct der issuer, subject, all, fields, list, extension, id, value;
	unsigned tag;

	if (!der_find_names(certificate, &issuer, &subject) || !take_tagged(&certificate, DER_SEQUENCE, &all) ||
	    !take_tagged(&all, DER_SEQUENCE, &fields))
		return false;
	do
		if (!take_element(&fields, &tag, &list))
			return false;
	while (tag != DER_EXTENSIONS);
	if (!take_tagged(&list, DER_SEQUENCE, &all))
		return false;
	while (take_tagged(&all, DER_SEQUENCE, &extension)) {
		if (!take_tagged(&extension, DER_OBJECT_IDENTIFIER, &id) || id.len != sizeof alternative_name ||
		    memcmp(id.s, alternative_name, sizeof alternative_name) != 0)
			continue;
		return take_element(&extension, &tag, &value) &&
		    (tag != DER_BOOLEAN || take_element(&extension, &tag, &value)) && tag == DER_OCTET_STRING &&
		    take_tagged(&value, DER_SEQUENCE, names);
	}
	return false;
}

static bool
is_for_host(const char *name, size_t len, const char *host)
{
	const char *dot = strchr(host, '.');

	if (len > 2 && name[0] == '*' && name[1] == '.' && dot != NULL)
		return strlen(dot) == len - 1 && strncasecmp(name + 1, dot, len - 1) == 0;
	return strlen(host) == len && strncasecmp(name, host, len) == 0;
}

bool
der_covers_host(struct der certificate, const char *host)
{
	struct der issuer, subject, names, name;
	char common[256];
	bool has_names = false;
	unsigned tag;

	if (find_alternatives(certificate, &names))
		while (take_element(&names, &tag, &name)) {
			if (tag != DER_DNS_NAME)
				continue;
			has_names = true;
			if (is_for_host((const char *)name.s, name.len, host))
				return true;
		}
	if (has_names || !der_find_names(certificate, &issuer, &subject))
		return false;
	der_common_name(common, sizeof common, subject);
	return is_for_host(common, strlen(common), host);
}
