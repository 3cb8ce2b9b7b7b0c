/* password: asking the program that knows whether a password is right: auth-check, or any other
 * with the checkpassword interface. */
#ifndef PIPEPOST_SMTP_RECV_PASSWORD_H
#define PIPEPOST_SMTP_RECV_PASSWORD_H

struct login;
struct session;

enum { PASSWORD_SECONDS = 75 };		/* for its answer; auth-check ends after 65 */

enum password_answer { PASSWORD_RIGHT, PASSWORD_WRONG, PASSWORD_UNKNOWN };

/* Asks what the listener says is to be asked. Whatever is not in the interface (another exit,
 * a signal, no answer in time) is UNKNOWN. *why, for the log, has words for that, or "". */
enum password_answer password_ask(const struct session *s, const struct login *l, const char **why);

#endif
