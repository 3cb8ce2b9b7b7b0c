-- sqlite3 /etc/mail/authdb.sqlite <schema.sql
CREATE TABLE users (username VARCHAR(128) NOT NULL, domain VARCHAR(128) NOT NULL, home VARCHAR(256) NOT NULL,password VARCHAR(64) NOT NULL, uid INTEGER NOT NULL, gid INTEGER, active CHAR(1) DEFAULT 'Y' NOT NULL);
CREATE TABLE alias (user VARCHAR NOT NULL, alias VARCHAR NOT NULL);
CREATE TABLE domains (domain VARCHAR(256) NOT NULL, active CHAR(1) DEFAULT 'Y' NOT NULL);

-- Not in the how-to: without them each lookup reads the whole table.
CREATE UNIQUE INDEX users_name ON users (username, domain);
CREATE INDEX users_login ON users (username||'@'||domain);
CREATE INDEX alias_user ON alias (user);
CREATE UNIQUE INDEX domains_domain ON domains (domain);
