# The person's pages. Short, plain sentences: what happened, what it means, what to do.
# Arguments named $application, $account and $time are shown as elements: keep each of them, once.

## Shared

continue = Continue
continue-to = Continue to { $application }
check-again = Check again

duration-seconds = { $count ->
    [one] 1 second
   *[other] { $count } seconds
}
duration-minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
}
duration-hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
}
duration-days = { $count ->
    [one] 1 day
   *[other] { $count } days
}

## Sign in

sign-in-page-title = Sign in to { $application }
sign-in-destination = to continue to { $application }
sign-in-title = Sign in
sign-in-account-title = Sign in to your account
sign-in-username = Username
sign-in-password = Password
sign-in-button = Sign in
sign-in-cancel = Cancel and go back to { $application }
sign-in-wrong = That username and password do not go together. Check both and try again.
sign-in-throttled = There were too many attempts. Wait { $wait }, then try again.
sign-in-again = Please sign in again to go on.
sign-in-or = or
sign-in-upstream = Sign in with { $upstream }
sign-in-upstream-declined = The other provider did not sign you in. Try again, or sign in another way.
sign-in-upstream-unavailable = The other provider does not answer. Try again in a moment, or sign in another way.
sign-in-upstream-unbelievable = What the other provider answered could not be checked, so nobody was signed in. Try again; if it happens again, tell whoever runs this site.
sign-in-upstream-not-admitted = The other provider knows you, but you have no access here. Ask whoever runs this site.
sign-in-upstream-invitation-over = Your invitation has been used, or it is too old. Ask whoever sent it for another one.
sign-in-upstream-another-class = The other provider signed you in, but not in a way that is enough here. Try again and choose another way there, or ask whoever runs this site.
sign-in-upstream-linked-elsewhere = Whoever you are there is linked to another account here.
sign-in-upstream-signed-out = You have signed out at the other provider meanwhile. Sign in again to come in.

invitation-title = You are invited
invitation-lede = Sign in with { $upstream } to come in for the first time. This invitation is good once.
invitation-unavailable = The other provider does not answer. Try again in a moment.

about-policy = Privacy policy
about-terms = Terms of service
about-new-tab = (in a new tab)

## Consent

consent-page-title = Allow { $application }?
consent-title = Allow { $application } to know you?
consent-account = You are signed in as { $account }.
consent-lede = If you allow it, it can:
consent-allow = Allow
consent-deny = Deny

scope-openid = Recognise you
    .details = The same person each time you sign in; nothing about who that is.
scope-profile = See your profile
    .details = Your name and what else you chose to put there.
scope-email = See your e-mail address
    .details = And whether it has been verified.
scope-address = See your postal address
    .details = As you entered it.
scope-phone = See your telephone number
    .details = And whether it has been verified.
scope-offline_access = Keep its access while you are away
    .details = It goes on after you sign out.
scope-unknown = A permission that this application defines.
service-act = Act for you at { $service }
service-scopes = With these permissions, which that service defines:

claim-name = See your full name
claim-family_name = See your family name
claim-given_name = See your given name
claim-middle_name = See your middle name
claim-nickname = See your nickname
claim-preferred_username = See the short name you go by
claim-profile = See where your profile page is
claim-picture = See your picture
claim-website = See where your website is
claim-gender = See your gender
claim-birthdate = See your date of birth
claim-zoneinfo = See your time zone
claim-locale = See your language
claim-updated_at = See when your data last changed
claim-email = See your e-mail address
claim-email_verified = See whether your e-mail address has been verified
claim-address = See your postal address
claim-phone_number = See your telephone number
claim-phone_number_verified = See whether your telephone number has been verified

## Confirm sign-out

confirm-title = Sign out?
confirm-account = You are signed in as { $account }.
confirm-lede = { $count ->
    [0] Signing out ends your session here.
    [one] Signing out ends your session here and at this application.
   *[other] Signing out ends your session here and at these applications.
}
confirm-since = for { $duration }
confirm-since-now = since just now
confirm-everywhere = { $count ->
    [0] Sign out
    [one] Sign out
   *[other] Sign out everywhere
}
confirm-only = Only { $application }

sign-out-address-not-registered = The application asked us to send you on to an address that it has not registered. We will not send you there.
sign-out-request-does-not-fit = The request to sign out does not fit the application that it names, so we will not send you back to it.

## Leaving

leaving-title = Signing you out of { $count ->
    [one] 1 application
   *[other] { $count } applications
}
leaving-ended = You are signed out here, whatever the applications answer.
leaving-ended-telling = You are signed out here, whatever the applications answer. We go on telling them, even when you close this page.
leaving-signed-in-again = That sign-out is done. Somebody has signed in here again since.
leaving-goes-on = You are still signed in here, and at your other applications.
leaving-stale = We could not look again: this is how it was at { $time }.
leaving-frame = Signs you out of an application

# The provider through which they signed in: nobody but itself knows whether they are signed in there.
elsewhere-offered = You may still be signed in at { $upstream }.
elsewhere-next = Next you are taken to { $upstream }, to sign out there too.
elsewhere-asked = You were at { $upstream } to sign out there too. It does not tell us whether you did.
elsewhere-unreachable = You may still be signed in at { $upstream }. We cannot take you there to sign out just now.
elsewhere-sign-out = Also sign out of { $upstream }

# No line ends between a number and what it counts.
summary-separator = {", "}
summary-all-confirmed = { $count ->
    [one] The application has confirmed it.
    [2] Both applications have confirmed it.
   *[other] All { $count } applications have confirmed it.
}
summary-confirmed = { $count }{"\u00A0"}confirmed
summary-asked = { $count }{"\u00A0"}asked
summary-telling = { $count }{"\u00A0"}being told
summary-retrying = { $count }{"\u00A0"}being tried again
summary-refused = { $count }{"\u00A0"}refused
summary-failed = { $count }{"\u00A0"}not reached
summary-ends = { $count ->
    [one] 1{"\u00A0"}ends by itself
   *[other] { $count }{"\u00A0"}end by themselves
}

# The state of one application, in a few words.
state-telling = Being told
state-confirmed = Signed out { $time }
state-asked = Asked
state-retrying = Trying again
state-refused = Refused
state-failed = Not reached
state-ends = Ends by itself
state-ends-until = Ends by { $time }
state-ends-over = Has ended

detail-confirmed-in-browser = It said so in your browser.
detail-asked = Its page was asked in your browser. It has not said whether you are signed out there.
detail-retrying-now = It has not confirmed yet. We are trying again now.
detail-retrying-in = It has not confirmed yet. Next try in { $wait }.
detail-retrying-within = It has not confirmed yet. Next try within { $wait }.
detail-retrying-at = It has not confirmed yet. Next try at { $time }.
detail-refused = It did not accept the notice, and keeps the access that you left it while you are away.
detail-refused-until = It did not accept the notice. What it was given ends by { $time }.
detail-refused-over = It did not accept the notice. What it was given has ended by itself.
detail-failed = It did not confirm, so we stopped trying. It keeps the access that you left it while you are away.
detail-failed-until = It did not confirm, so we stopped trying. What it was given ends by { $time }.
detail-failed-over = It did not confirm, so we stopped trying. What it was given has ended by itself.
detail-ends = It cannot be told, and keeps the access that you left it while you are away.
detail-ends-until = It cannot be told. What it was given ends by itself.
detail-ends-over = It could not be told. What it was given has ended by itself.

## Signed out

signed-out-title = You are signed out
signed-out-elsewhere-title = Signed out at the other site
signed-out-elsewhere = If a session here came from there, it is over as well.
signed-out-nobody-title = You are signed out
signed-out-nobody = Nobody is signed in here, and there is nothing left to end.
signed-out-telling = We go on telling the applications, even when you close this page.
signed-out-nobody-to-tell = Your session here has ended. There was no application to tell.
signed-out-again = Sign in to { $application } again

## Errors

error-application = You came from { $application }.
error-unknown-application-title = We do not know this application
error-unknown-application-text = You were sent here by an application that is not registered, so we stopped. Nothing was sent to it.
error-address-title = This request cannot go on
error-address-text = We were asked to send you on to an address that the application has not registered, so we stopped. Nothing was sent.
error-bad-request-title = This request cannot go on
error-bad-request-text = Something in it is wrong, and only the people who run the application can mend it. Nothing was sent.
error-expired-title = This page is too old
error-expired-text = It has been used already, or it was open for too long. Go back to the application and begin again.
error-invitation-used-title = This invitation has been used
error-invitation-used-text = Somebody has come in by it. If that was you, sign in as you always do; if not, tell whoever sent it.
error-invitation-over-title = This invitation is not good any more
error-invitation-over-text = It is too old, it was taken back, or part of its address is missing. Ask whoever sent it for another one.
error-not-found-title = There is nothing here
error-not-found-text = The address may be mistyped, or the page may have moved.
error-method-title = This address does not work that way
error-method-text = Go back to the application and begin again.
error-too-long-title = That was too much at once
error-too-long-text = What was sent is longer than anything that this page takes. Go back and send less.
error-too-slow-title = That took too long
error-too-slow-text = Your request did not arrive in time. Go back and try again.
error-too-many-title = Too many requests
error-too-many-text = Wait a minute, then try again.
error-internal-title = Something went wrong here
error-internal-text = It is our fault, not yours. Try again; if it stays, tell your administrator the number below.
error-unavailable-title = We cannot answer just now
error-unavailable-text = Try again in a minute.

developer-summary = For the developer of the application
developer-error = Error
developer-description = Description
developer-received = Received
developer-registered = Registered
developer-none-registered = none
developer-difference = Difference
developer-position = from character { $position } on
developer-request = Request

## Form post

form-post-title = Going back to { $application }
form-post-lede = If nothing happens by itself, press Continue.

## Landing

landing-title = Nobody is signed in here
landing-signed-in = You are signed in as { $account }
landing-signed-in-lede = Applications that use this address to sign in can recognise you.
landing-signed-out = To sign in, begin at the application that you want to use.
landing-sign-out = Sign out

## Account

account-title = Your account
account-sessions = Where you are signed in
account-here = This browser
account-since = Since { $time }.
account-last-seen = Last used { $duration } ago.
account-last-seen-now = In use.
account-sign-out = Sign out
account-leave = Leave { $application }
account-everywhere = Sign out everywhere
account-consents = What you have allowed
account-no-consents = No application has asked you for permission, or you took back what you gave.
account-withdraw = Take back { $application }’s permission
account-scope-separator = {" · "}
account-links = Other ways to sign in
account-link = Sign in with { $upstream } from now on
account-unlink = Forget { $upstream }
account-link-declined = The other provider did not sign you in, so nothing was linked.
account-link-unavailable = The other provider does not answer, so nothing was linked. Try again in a moment.
account-link-unbelievable = What the other provider answered could not be checked, so nothing was linked.
account-link-not-admitted = Nothing was linked. Sign in again and try once more.
account-link-another-class = Nothing was linked: the other provider signed you in, but not in a way that is enough here. Try again and choose another way there.
account-link-not-fresh = Nothing was linked: the other provider did not have you sign in anew. Sign out there and try once more.
account-only-way-in = That is your only way to sign in, so it stays.
account-more = More
account-back = Back to your account
account-ended = The session in { $browser } has ended.
account-left = Your session at this application has ended.
account-withdrawn = { $application } has no permission any more, and your sessions there have ended.
account-password-changed = Your password is changed. Every other session has ended; this one goes on.

browser-on = on { $system }
browser-unknown = A browser

password-title = Change your password
password-lede = Your other sessions end, and applications are told. You stay signed in here.
password-current = Current password
password-new = New password, at least 8 characters
password-button = Change password
password-wrong = That is not your current password. Check it and try again.
password-unfit = The new password does not do: it needs at least 8 characters, and at most 1024 bytes.

sign-outs-title = Past sign-outs
sign-outs-lede = What ended in the last 30 days, and what each application answered.
sign-outs-none = Nothing has ended.
sign-outs-nobody-to-tell = No application took part.

cause-logout = You signed out.
cause-one-session = You ended it on your account's page.
cause-one-application = You left this application alone.
cause-everywhere = You signed out everywhere.
cause-replaced = Somebody else signed in in the same browser.
cause-administrator = An administrator ended it.
cause-user-disabled = Your account was disabled.
cause-user-deleted = Your account was deleted.
cause-password-changed = You changed your password.
cause-password-reset = An administrator set your password.
cause-refresh-reuse = The application's access was used twice, as a thief would.
cause-token-revoked = The application gave its access back.
cause-consent-withdrawn = You took back what you had allowed.
cause-client-disabled = The application was disabled here.
cause-client-deleted = The application was removed here.
cause-idle = It was not used for too long.
cause-expired = Its time was over.
cause-restored = The service was put back from a copy.
cause-upstream = You signed out at the provider through which you had signed in.
cause-unknown = It is not known why.

# The page that applications frame; nobody sees it
check-session-title = Session
