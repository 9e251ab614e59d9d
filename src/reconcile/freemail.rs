//! Mail providers whose domain says nothing about a company.

/// Registrable domains of providers that give mailboxes to anybody.
const PROVIDERS: [&str; 124] = [
    "126.com",
    "139.com",
    "163.com",
    "189.cn",
    "21cn.com",
    "abv.bg",
    "aim.com",
    "alice.it",
    "aliyun.com",
    "aol.com",
    "arcor.de",
    "att.net",
    "azet.sk",
    "bellsouth.net",
    "bigpond.com",
    "bk.ru",
    "blueyonder.co.uk",
    "bluewin.ch",
    "bol.com.br",
    "bt.com",
    "btinternet.com",
    "centrum.cz",
    "centurylink.net",
    "charter.net",
    "comcast.net",
    "cox.net",
    "daum.net",
    "disroot.org",
    "docomo.ne.jp",
    "duck.com",
    "earthlink.net",
    "email.com",
    "email.cz",
    "ezweb.ne.jp",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "frontier.com",
    "gmail.com",
    "googlemail.com",
    "guerrillamail.com",
    "hanmail.net",
    "hey.com",
    "hotmail.com",
    "hushmail.com",
    "icloud.com",
    "ig.com.br",
    "inbox.com",
    "inbox.lv",
    "inbox.ru",
    "interia.pl",
    "internode.on.net",
    "juno.com",
    "kakao.com",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.com",
    "lycos.com",
    "mac.com",
    "mail.com",
    "mail.de",
    "mail.ru",
    "mailbox.org",
    "mailfence.com",
    "mailinator.com",
    "mailo.com",
    "me.com",
    "msn.com",
    "mweb.co.za",
    "nate.com",
    "naver.com",
    "netscape.net",
    "netzero.net",
    "ntlworld.com",
    "o2.pl",
    "online.de",
    "op.pl",
    "optonline.net",
    "optusnet.com.au",
    "orange.fr",
    "outlook.com",
    "passport.com",
    "pm.me",
    "pobox.com",
    "posteo.de",
    "posteo.net",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "rogers.com",
    "runbox.com",
    "sapo.pt",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "shaw.ca",
    "sina.com",
    "skynet.be",
    "sky.com",
    "sohu.com",
    "startmail.com",
    "sympatico.ca",
    "t-online.de",
    "talktalk.net",
    "telenet.be",
    "terra.com.br",
    "tiscali.it",
    "tutanota.com",
    "uol.com.br",
    "verizon.net",
    "virgilio.it",
    "virginmedia.com",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "ymail.com",
    "yeah.net",
];

/// Providers that run under one name in many countries: `yahoo.co.jp`, `gmx.at`, `hotmail.fr`.
const EVERYWHERE: [&str; 9] = ["aol", "gmx", "hotmail", "live", "msn", "outlook", "yahoo", "yandex", "zoho"];

/// Further names of providers above.
const ALSO: [&str; 6] = ["fastmail.net", "hushmail.me", "tuta.com", "tuta.io", "ya.ru", "zohomail.com"];

/// Whether a registrable domain (lower case) belongs to a mail provider that anybody can use.
pub(super) fn is_free(domain: &str) -> bool {
    let first = domain.split('.').next().unwrap_or_default();
    EVERYWHERE.contains(&first) || ALSO.contains(&domain) || PROVIDERS.contains(&domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_big_providers_say_nothing() {
        for domain in ["gmail.com", "yahoo.co.jp", "gmx.at", "live.nl", "proton.me", "ya.ru", "hotmail.com", "tuta.io"]
        {
            assert!(is_free(domain), "{domain}");
        }
        for domain in ["acme.com", "yahoofinance.com", "mail.acme.com", "gmx-partners.de", ""] {
            assert!(!is_free(domain), "{domain}");
        }
    }

    #[test]
    fn no_provider_is_listed_twice() {
        let mut all: Vec<_> = PROVIDERS.iter().chain(&ALSO).collect();
        let listed = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), listed);
    }
}
